// Decimal text to the nearest double, whatever the process's locale.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CKernels.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

static locale_t c_locale;
static pthread_once_t made = PTHREAD_ONCE_INIT;
static void make_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

double wf_parse_double(const uint8_t *text) {
    pthread_once(&made, make_locale);
    return strtod_l((const char *)text, NULL, c_locale);
}
