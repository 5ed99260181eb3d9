#include "table.h"

NAPI_MODULE_INIT() {
  export_session(env, exports);
  export_listing(env, exports);
  export_jobs(env, exports);
  export_parts(env, exports);
  export_scan(env, exports);
  export_table(env, exports);
  export_lower(env, exports);
  export_live(env, exports);
  export_notify(env, exports);
  export_files(env, exports);
  export_adopt(env, exports);
  return exports;
}
