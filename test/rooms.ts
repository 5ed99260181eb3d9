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
  { room: 'package', level: 2 },
  { room: 'profile', level: 3 },
  { room: 'ownership', level: 4 },
  { room: 'stack', level: 5 },
  { room: 'layer', level: 6 },
  { room: 'trust', level: 7 },
  { room: 'state', level: 8, doors: ['context', 'paths'] },
  { room: 'fuse', level: 9 },
  { room: 'kernel', level: 10, doors: ['native'] },
  { room: 'formats', level: 11 },
  { room: 'error', level: 12 },
];

/** Files through which every room may be entered; `doors` names more, the contracts that the lead of a room keeps. */
export const commonDoors = ['index', 'types'] as const;
