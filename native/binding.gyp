{
  "target_defaults": {
    "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
    "cflags": ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
    "cflags!": ["-Wno-unused-parameter"],
    "ldflags": ["-pthread"]
  },
  "targets": [
    {
      "target_name": "nanolin",
      "sources": ["addon.c", "args.c", "scratch.c", "mount.c", "swap.c", "loopdev.c", "proc.c", "files.c"]
    },
    {
      "target_name": "union",
      "sources": [
        "fuse/addon.c", "fuse/values.c", "fuse/session.c", "fuse/jobs.c", "fuse/answer.c", "fuse/decide.c",
        "fuse/parts.c", "fuse/scan.c", "fuse/names.c", "fuse/table.c", "fuse/lower.c", "fuse/live.c", "fuse/listing.c", "fuse/notify.c", "fuse/adopt.c", "fuse/files.c"
      ]
    }
  ]
}
