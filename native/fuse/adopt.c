/*
 * A mount that is made before libfuse hears of it: the new mount calls (fsopen, fsmount) give one that lies nowhere yet, and that goes
 * with its descriptor. fuse-native calls `fuse_mount`, which is found here first, as `fuse_loop_mt` is.
 */
#include "union.h"

#include <dlfcn.h>
#include <errno.h>

struct fuse_args {
  int argc;
  char **argv;
  int allocated;
};

static int adopted = -1;

__attribute__((visibility("default"))) void *fuse_mount(const char *target, struct fuse_args *args);

void *fuse_mount(const char *target, struct fuse_args *args) {
  void *lib = dlopen("libfuse.so.2", RTLD_LAZY | RTLD_NOLOAD);
  if (lib == NULL) return NULL;
  void *(*mount)(const char *, struct fuse_args *) = (void *(*)(const char *, struct fuse_args *))dlsym(lib, "fuse_mount");
  void *(*channel_of)(int) = (void *(*)(int))dlsym(lib, "fuse_kern_chan_new");
  dlclose(lib);
  if (adopted < 0) return mount != NULL ? mount(target, args) : NULL;
  /* They were the mount's, and fuse_new knows none of them. */
  args->argc = 1;
  return channel_of != NULL ? channel_of(adopted) : NULL;
}

/* adopt(device): the next mount of fuse-native is the one that this descriptor of /dev/fuse was given to. */
static napi_value js_adopt(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  adopted = (int)in_int(&in);
  return out_int(env, adopted < 0 ? -EBADF : 0);
}

void export_adopt(napi_env env, napi_value exports) {
  static const struct function table[] = {{"adopt", js_adopt}};
  EXPORT(env, exports, table);
}
