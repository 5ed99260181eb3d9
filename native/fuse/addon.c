#include "union.h"

NAPI_MODULE_INIT() {
  export_session(env, exports);
  export_listing(env, exports);
  export_files(env, exports);
  export_adopt(env, exports);
  return exports;
}
