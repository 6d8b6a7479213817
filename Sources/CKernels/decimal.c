// Decimal text to the nearest double and back, whatever the process's locale.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CKernels.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t c_locale;
static pthread_once_t made = PTHREAD_ONCE_INIT;
static void make_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

double wf_parse_double(const uint8_t *text) {
    pthread_once(&made, make_locale);
    return strtod_l((const char *)text, NULL, c_locale);
}

size_t wf_print_double(char *text, size_t size, double value, char verb, int precision) {
    const char format[] = {'%', '.', '*', verb, 0};
    pthread_once(&made, make_locale);
    const locale_t before = uselocale(c_locale);
    const int length = snprintf(text, size, format, precision, value);
    uselocale(before);
    return length < 0 ? 0 : (size_t)length;
}
