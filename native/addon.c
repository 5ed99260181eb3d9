#include "args.h"

NAPI_MODULE_INIT() {
  export_scratch(env, exports);
  export_mount(env, exports);
  export_swap(env, exports);
  export_loopdev(env, exports);
  export_proc(env, exports);
  export_files(env, exports);
  return exports;
}
