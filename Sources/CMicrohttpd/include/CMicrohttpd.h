#ifndef WIDEFIELD_CMICROHTTPD_H
#define WIDEFIELD_CMICROHTTPD_H
#include <microhttpd.h>
#endif
