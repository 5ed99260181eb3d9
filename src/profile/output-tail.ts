export interface OutputTail {
  take(chunk: Uint8Array): void;
  /** The last bytes as text, safe for a terminal. */
  text(): string;
}

const longestLine = 4096;
const mostLines = 500;

/**
 * Keeps the last `limit` bytes of an output of any size and hands its lines on as they come: at most 500 of them, the
 * rest is only kept, so that a script in a loop cannot fill the log.
 */
export function outputTail(limit: number, onLine: (line: string) => void): OutputTail {
  let last = Buffer.alloc(0);
  let cut = false;
  let open = '';
  let lines = 0;

  const hand = (line: string) => {
    lines += 1;
    if (lines <= mostLines) onLine(printable(line.slice(0, longestLine)));
    else if (lines === mostLines + 1) onLine('(more lines are not logged)');
  };

  return {
    take(chunk) {
      last = Buffer.concat([last, chunk]);
      if (last.length > limit) {
        last = last.subarray(last.length - limit);
        cut = true;
      }
      if (lines > mostLines) return;
      const parts = (open + Buffer.from(chunk).toString('latin1')).split('\n');
      open = (parts.pop() ?? '').slice(0, longestLine);
      for (const part of parts) hand(Buffer.from(part, 'latin1').toString('utf8'));
    },
    text() {
      const text = printable(last.toString('utf8')).trimEnd();
      return cut ? `... ${text}` : text;
    },
  };
}

/** Escape sequences in what a script prints must not reach the admin's terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/\r\n/g, '\n').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd');
}
