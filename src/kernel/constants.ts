/** Numbers of linux/mount.h, fcntl.h, stat.h and openat2.h, as far as they are used; one name is one name of the kernel's. */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;

export const O_RDWR = 2;
export const O_DIRECTORY = 0o200000;
export const O_PATH = 0o10000000;
export const O_TMPFILE = 0o20200000;

export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;

export const OPEN_TREE_CLONE = 1;

export const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
export const MOVE_MOUNT_BENEATH = 0x200;

export const FSPICK_CLOEXEC = 0x01;
export const FSPICK_EMPTY_PATH = 0x08;

/** The first three have the values of MS_RDONLY, MS_NOSUID and MS_NODEV: mount(2) takes them as they are. */
export const MOUNT_ATTR_RDONLY = 0x01;
export const MOUNT_ATTR_NOSUID = 0x02;
export const MOUNT_ATTR_NODEV = 0x04;
export const MOUNT_ATTR_NOATIME = 0x10;

export const MS_BIND = 0x1000;
export const MS_SHARED = 1 << 20;

export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

export const S_IFCHR = 0o020000;
