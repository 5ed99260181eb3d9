/*
 * Names in blocks that never move, by number, each with the room of its size: a malloc for each would take twice what most names are long.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

/* Numbers count units; a name never crosses a block. */
enum { UNIT = 4, BLOCK = 64 * 1024, LONGEST = 256, SIZES = LONGEST / UNIT + 1 };

static char **blocks;
static uint32_t block_count, used = UNIT; /* of the last block; number 0 is nobody's */
static uint32_t spare[SIZES];             /* by size in units; chained by their first bytes */

static char *at(uint32_t name) {
  uint64_t byte = (uint64_t)name * UNIT;
  return blocks[byte / BLOCK] + byte % BLOCK;
}

const char *name_at(uint32_t name) {
  return name == 0 ? "" : at(name);
}

static uint32_t units(const char *name) {
  return (uint32_t)(strlen(name) + UNIT) / UNIT;
}

uint32_t name_put(const char *name) {
  uint32_t size = units(name), found;
  if (size >= SIZES) return 0;
  if (spare[size] != 0) {
    found = spare[size];
    memcpy(&spare[size], at(found), sizeof(uint32_t));
  } else {
    if (block_count == 0 || used + size * UNIT > BLOCK) {
      char **more = realloc(blocks, (block_count + 1) * sizeof(*blocks));
      if (more == NULL) return 0;
      blocks = more;
      if ((blocks[block_count] = malloc(BLOCK)) == NULL) return 0;
      used = block_count == 0 ? UNIT : 0;
      block_count++;
    }
    found = (uint32_t)(((uint64_t)(block_count - 1) * BLOCK + used) / UNIT);
    used += size * UNIT;
  }
  strcpy(at(found), name);
  return found;
}

void name_drop(uint32_t name) {
  if (name == 0) return;
  uint32_t size = units(at(name));
  memcpy(at(name), &spare[size], sizeof(uint32_t));
  spare[size] = name;
}
