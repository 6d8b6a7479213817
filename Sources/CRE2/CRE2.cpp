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
