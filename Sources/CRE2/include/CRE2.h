// Regular expressions in RE2 syntax, matched in linear time: a C face on Debian's libre2.
#ifndef WIDEFIELD_CRE2_H
#define WIDEFIELD_CRE2_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct wf_regex wf_regex;

/// Compiles `pattern`; on failure returns NULL and writes a NUL-terminated reason into `error`.
wf_regex *wf_regex_compile(const char *pattern, size_t length, char *error, size_t error_size);
void wf_regex_free(wf_regex *regex);
/// True when the expression matches anywhere in `text`.
bool wf_regex_matches(const wf_regex *regex, const char *text, size_t length);
/// Where the first group, or the expression where it has no groups, lies in the first match; false
/// when there is no match or the group has no part in it.
bool wf_regex_extract(const wf_regex *regex, const char *text, size_t length, intptr_t *begin,
                      intptr_t *end);
/// Matches that do not overlap; an empty one right behind another does not count.
intptr_t wf_regex_count(const wf_regex *regex, const char *text, size_t length);
/// Groups of the expression, without the match as a whole.
intptr_t wf_regex_groups(const wf_regex *regex);
/// The number of the group of a name, from 1; 0 when there is none.
intptr_t wf_regex_group_named(const wf_regex *regex, const char *name, size_t length);
/// Where the first match that begins at byte `from` or later and its first `groups` groups lie; -1 for
/// a group without a part in it. `begins` and `ends` hold `groups` + 1 each. False when there is no
/// match.
bool wf_regex_match_groups(const wf_regex *regex, const char *text, size_t length, size_t from,
                           intptr_t groups, intptr_t *begins, intptr_t *ends);
#ifdef __cplusplus
}
#endif
#endif
