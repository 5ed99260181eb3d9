/** A path, link target or xattr name as mtree writes it: bytes outside 33..126 and `\ # * ? [` as `\ooo`. */
export function escapeBytes(bytes: string): string {
  return /[^!-~]|[\\#*?[]/.test(bytes) ? bytes.replace(/[^!-~]|[\\#*?[]/g, octal) : bytes;
}

/** `\ooo` as a byte, for a line of ours: whatever else stands there is found when the line is printed again. */
export function unescapeBytes(text: string): string {
  return text.includes('\\') ? text.replace(/\\([0-3][0-7]{2})/g, (_, digits) => byte(digits)) : text;
}

/** An xattr name ends at the first `=`, and may hold one itself. */
export function escapeXattrName(name: string): string {
  return escapeBytes(name).replaceAll('=', '\\075');
}

/** The path as a line begins with it: `.` for the root, else `./` and the rest. */
export function printPath(path: string): string {
  return path === '' ? '.' : `./${escapeBytes(path)}`;
}

/** A piece of the input for a message: short, and with nothing in it that a terminal would obey. */
export function show(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return short.replace(/[^ -~]/g, octal);
}

function octal(char: string): string {
  return `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;
}

function byte(digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 8));
}
