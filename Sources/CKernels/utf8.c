// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#include "CKernels.h"

bool wf_is_utf8(const uint8_t *p, size_t length) {
    const uint8_t *end = p + length;
    while (p < end) {
        if (end - p >= 8 && (wf_read64(p) & 0x8080808080808080ull) == 0) {
            p += 8;
            continue;
        }
        uint8_t lead = *p;
        if (lead < 0x80) {
            p++;
        } else if (lead < 0xe0) {
            if (lead < 0xc2 || end - p < 2 || (p[1] & 0xc0) != 0x80) return false;
            p += 2;
        } else if (lead < 0xf0) {
            if (end - p < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80) return false;
            if (lead == 0xe0 && p[1] < 0xa0) return false;
            if (lead == 0xed && p[1] > 0x9f) return false;
            p += 3;
        } else {
            if (lead > 0xf4 || end - p < 4) return false;
            if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
                return false;
            if (lead == 0xf0 && p[1] < 0x90) return false;
            if (lead == 0xf4 && p[1] > 0x8f) return false;
            p += 4;
        }
    }
    return true;
}
