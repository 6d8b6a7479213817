#include "CRE2.h"

#include <cstdio>
#include <new>
#include <re2/re2.h>
#include <string>
#include <vector>

struct wf_regex {
    re2::RE2 expression;
    wf_regex(const re2::StringPiece &pattern, const re2::RE2::Options &options)
        : expression(pattern, options) {}
};

extern "C" wf_regex *wf_regex_compile(const char *pattern, size_t length, char *error,
                                      size_t error_size) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(8 << 20);
    auto *regex = new (std::nothrow) wf_regex(re2::StringPiece(pattern, length), options);
    if (regex == nullptr) {
        std::snprintf(error, error_size, "out of memory");
        return nullptr;
    }
    if (!regex->expression.ok()) {
        std::snprintf(error, error_size, "%s", regex->expression.error().c_str());
        delete regex;
        return nullptr;
    }
    return regex;
}

extern "C" void wf_regex_free(wf_regex *regex) { delete regex; }

extern "C" bool wf_regex_matches(const wf_regex *regex, const char *text, size_t length) {
    return re2::RE2::PartialMatch(re2::StringPiece(text, length), regex->expression);
}

extern "C" bool wf_regex_extract(const wf_regex *regex, const char *text, size_t length,
                                 intptr_t *begin, intptr_t *end) {
    const re2::StringPiece all(text, length);
    re2::StringPiece parts[2];
    const int groups = regex->expression.NumberOfCapturingGroups() > 0 ? 1 : 0;
    if (!regex->expression.Match(all, 0, length, re2::RE2::UNANCHORED, parts, groups + 1)) {
        return false;
    }
    // A group without a part in the match points nowhere; one that matched nothing, into the text.
    if (groups > 0 && parts[1].data() == nullptr) return false;
    *begin = parts[groups].data() - all.data();
    *end = *begin + static_cast<intptr_t>(parts[groups].size());
    return true;
}

extern "C" intptr_t wf_regex_count(const wf_regex *regex, const char *text, size_t length) {
    const re2::StringPiece all(text, length);
    re2::StringPiece match;
    intptr_t count = 0;
    size_t place = 0;
    size_t last_end = SIZE_MAX;
    while (place <= length &&
           regex->expression.Match(all, place, length, re2::RE2::UNANCHORED, &match, 1)) {
        const size_t begin = static_cast<size_t>(match.data() - all.data());
        const size_t end = begin + match.size();
        if (match.size() > 0 || begin != last_end) count++;
        last_end = end;
        if (end > place) {
            place = end;
            continue;
        }
        // Past an empty match by a whole character.
        place++;
        while (place < length && (static_cast<unsigned char>(text[place]) & 0xC0) == 0x80) place++;
    }
    return count;
}

extern "C" intptr_t wf_regex_groups(const wf_regex *regex) {
    return regex->expression.NumberOfCapturingGroups();
}

extern "C" intptr_t wf_regex_group_named(const wf_regex *regex, const char *name, size_t length) {
    const auto &groups = regex->expression.NamedCapturingGroups();
    const auto found = groups.find(std::string(name, length));
    return found == groups.end() ? 0 : found->second;
}

extern "C" bool wf_regex_match_groups(const wf_regex *regex, const char *text, size_t length,
                                      size_t from, intptr_t groups, intptr_t *begins,
                                      intptr_t *ends) {
    // An empty text still lies somewhere, so that an empty group differs from none.
    const re2::StringPiece all(length == 0 ? "" : text, length);
    std::vector<re2::StringPiece> parts(static_cast<size_t>(groups) + 1);
    if (!regex->expression.Match(all, from, length, re2::RE2::UNANCHORED, parts.data(),
                                 static_cast<int>(groups) + 1)) {
        return false;
    }
    for (size_t i = 0; i < parts.size(); i++) {
        const bool is_part = parts[i].data() != nullptr;
        begins[i] = is_part ? parts[i].data() - all.data() : -1;
        ends[i] = is_part ? begins[i] + static_cast<intptr_t>(parts[i].size()) : -1;
    }
    return true;
}
