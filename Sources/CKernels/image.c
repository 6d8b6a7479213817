#define _GNU_SOURCE
#include "CKernels.h"

#if defined(__linux__)
#include <link.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

// Maps what one program or library has in segments that are never written: its code and constants.
static int map_object(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    const uintptr_t page = 4096;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W)) continue;
        uintptr_t start = (info->dlpi_addr + header->p_vaddr) & ~(page - 1);
        uintptr_t end = info->dlpi_addr + header->p_vaddr + header->p_memsz;
        // An older kernel refuses; then pages come when they are needed, as ever.
        madvise((void *)start, end - start, MADV_POPULATE_READ);
    }
    return 0;
}

void wf_map_program(void) { dl_iterate_phdr(map_object, 0); }
#else
void wf_map_program(void) {}
#endif
