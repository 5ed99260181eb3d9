/** The rooms of src/, from the surfaces down: an import goes to a room further down, never up and never sideways. */
export const rooms: readonly {
  readonly room: string;
  readonly level: number;
  readonly doors?: readonly string[];
}[] = [
  { room: 'cli', level: 0 },
  { room: 'start', level: 0 },
  { room: 'daemon', level: 0 },
  { room: 'index', level: 1 },
  { room: 'profile', level: 2 },
  { room: 'ownership', level: 3 },
  { room: 'stack', level: 4 },
  { room: 'layer', level: 5 },
  { room: 'trust', level: 6 },
  { room: 'state', level: 7, doors: ['context', 'paths'] },
  { room: 'kernel', level: 8, doors: ['native'] },
  { room: 'formats', level: 9 },
  { room: 'error', level: 10 },
];

/** Files through which every room may be entered; `doors` names more, the contracts that the lead of a room keeps. */
export const commonDoors = ['index', 'types'] as const;
