export type Style = 'strong' | 'dim' | 'good' | 'warn' | 'bad';

/** A run of text in one style. Names and paths come from layers and recipes: render() is the only way to a terminal. */
export type Piece = string | { readonly text: string; readonly style: Style };

export interface Table {
  readonly head?: readonly string[];
  readonly rows: readonly (readonly Piece[])[];
}

/** A line, or rows whose columns are aligned. */
export type Block = readonly Piece[] | Table;

export interface Look {
  /** A terminal obeys control characters, so they are shown instead; a pipe gets the bytes as they are. */
  readonly terminal: boolean;
  readonly colour: boolean;
}

const codes: Record<Style, string> = { strong: '1', dim: '2', good: '32', warn: '33', bad: '31' };

export const styled = (style: Style, text: string): Piece => ({ text, style });

export const render = (blocks: readonly Block[], look: Look): string =>
  blocks.map(block => (isTable(block) ? renderTable(block, look) : renderLine(block, look))).join('');

const isTable = (block: Block): block is Table => 'rows' in block;

const renderLine = (line: readonly Piece[], look: Look): string =>
  `${line.map(piece => paint(piece, look)).join('')}\n`;

function renderTable(table: Table, look: Look): string {
  const head = table.head?.map(text => styled('dim', text));
  const rows = head ? [head, ...table.rows] : table.rows;
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell, look));
    });
  return rows.map(row => renderRow(row, widths, look)).join('');
}

function renderRow(row: readonly Piece[], widths: readonly number[], look: Look): string {
  const cells = row.map((cell, column) => {
    const last = row.slice(column + 1).every(next => width(next, look) === 0);
    return paint(cell, look) + (last ? '' : ' '.repeat((widths[column] ?? 0) - width(cell, look) + 2));
  });
  return `${cells.join('').trimEnd()}\n`;
}

const width = (piece: Piece, look: Look): number => [...plain(piece, look)].length;

function paint(piece: Piece, look: Look): string {
  const text = plain(piece, look);
  return look.colour && typeof piece !== 'string' && text
    ? `\x1b[${codes[piece.style]}m${text}\x1b[0m`
    : text;
}

function plain(piece: Piece, look: Look): string {
  const text = typeof piece === 'string' ? piece : piece.text;
  return look.terminal ? visible(text) : text;
}

/** C0, C1 and the marks that reorder or hide text (Unicode TR 36, bidirectional spoofing), written as escapes. */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu, character => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
