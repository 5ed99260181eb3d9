{
  "targets": [
    {
      "target_name": "nanolin",
      "sources": ["addon.c", "args.c", "scratch.c", "mount.c", "swap.c", "loopdev.c", "proc.c", "files.c"],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags": ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags!": ["-Wno-unused-parameter"],
      "ldflags": ["-pthread"]
    }
  ]
}
