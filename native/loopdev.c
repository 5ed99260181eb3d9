#include "args.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Each try lost means that another process got a device: this many in a row is a machine gone mad. */
enum { TRIES = 128 };

struct attached {
  const char *failed;
  int fd, error;
  char path[32];
};

/* LOOP_CTL_GET_FREE names a device and reserves nothing; LOOP_CONFIGURE says EBUSY when somebody else took it first. */
static struct attached attach(int image, uint32_t block_size) {
  struct attached device = {.failed = "open", .fd = -1, .path = "/dev/loop-control"};
  int control = open(device.path, O_RDWR | O_CLOEXEC);
  if (control < 0) {
    device.error = errno;
    return device;
  }
  for (int i = 0; i < TRIES; i++) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    device.failed = "LOOP_CTL_GET_FREE";
    device.error = number < 0 ? errno : 0;
    if (device.error != 0) break;

    snprintf(device.path, sizeof(device.path), "/dev/loop%d", number);
    device.failed = "open";
    device.fd = open(device.path, O_RDONLY | O_CLOEXEC);
    device.error = device.fd < 0 ? errno : 0;
    if (device.error != 0) break;

    /* Autoclear: the device is free again when the last descriptor and the last mount of it are gone. */
    struct loop_config config = {.fd = (__u32)image, .block_size = block_size};
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    device.failed = "LOOP_CONFIGURE";
    if (ioctl(device.fd, LOOP_CONFIGURE, &config) == 0) break;
    device.error = errno;
    close(device.fd);
    device.fd = -1;
    if (device.error != EBUSY) break;
  }
  close(control);
  return device;
}

/* `blockSize` 0 is the kernel's choice, 512. */
static napi_value loop_attach(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  int image = take_fd(&a, "imageFd");
  uint32_t block_size = take_u32(&a, "blockSize");
  napi_value result = NULL;
  if (!a.failed) {
    struct attached device = attach(image, block_size);
    if (device.fd < 0) throw_sys(env, device.failed, device.error, device.path, NULL, -1);
    else if (napi_create_object(env, &result) == napi_ok) {
      set_number(env, result, "fd", device.fd);
      set_text(env, result, "path", device.path);
    } else close(device.fd);
  }
  args_free(&a);
  return result;
}

void export_loopdev(napi_env env, napi_value exports) {
  static const struct function table[] = {{"loopAttach", loop_attach}};
  EXPORT(env, exports, table);
}
