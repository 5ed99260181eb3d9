/*
 * What Linux 6.18 knows and the headers of Debian 12 (6.1) do not, and what uapi headers leave to libc. The one place for
 * numbers: <linux/mount.h> and glibc 2.36's <sys/mount.h> cannot be included together.
 */
#ifndef NANOLIN_KERNEL_H
#define NANOLIN_KERNEL_H

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/syscall.h>

#ifndef MOVE_MOUNT_BENEATH /* 6.5 */
#define MOVE_MOUNT_BENEATH 0x00000200
#endif

#ifndef STATX_MNT_ID_UNIQUE /* 6.8 */
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

#ifndef UMOUNT_NOFOLLOW
#define UMOUNT_NOFOLLOW 8
#endif

#endif
