#include "CRE2.h"

#include <cstdio>
#include <new>
#include <re2/re2.h>

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
