#include "CKernels.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

void wf_keep_freed_memory(int mapped_from, int kept, int arenas) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, mapped_from);
    mallopt(M_TRIM_THRESHOLD, kept);
    mallopt(M_ARENA_MAX, arenas);
#else
    (void)mapped_from;
    (void)kept;
    (void)arenas;
#endif
}
