// Functions of real numbers: targets that import no C library of their own reach libm through these.
#ifndef WIDEFIELD_REAL_FUNCTIONS_H
#define WIDEFIELD_REAL_FUNCTIONS_H
#include <math.h>

static inline double wf_pow(double base, double exponent) { return pow(base, exponent); }
static inline double wf_exp(double x) { return exp(x); }
static inline double wf_exp2(double x) { return exp2(x); }
static inline double wf_log2(double x) { return log2(x); }
static inline double wf_sin(double x) { return sin(x); }
static inline double wf_cos(double x) { return cos(x); }
static inline double wf_tan(double x) { return tan(x); }
static inline double wf_asin(double x) { return asin(x); }
static inline double wf_acos(double x) { return acos(x); }
static inline double wf_atan(double x) { return atan(x); }
static inline double wf_atan2(double y, double x) { return atan2(y, x); }
static inline double wf_sinh(double x) { return sinh(x); }
static inline double wf_cosh(double x) { return cosh(x); }
static inline double wf_tanh(double x) { return tanh(x); }
static inline double wf_asinh(double x) { return asinh(x); }
static inline double wf_acosh(double x) { return acosh(x); }
static inline double wf_atanh(double x) { return atanh(x); }
static inline double wf_ldexp(double x, int exponent) { return ldexp(x, exponent); }
#endif
