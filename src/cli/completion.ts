import type { Nanolin } from '../index.ts';
import type { Command, Flag, Names } from './command.ts';
import { globals } from './globals.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

export const completion: Command = {
  verb: ['completion'],
  about: 'the completion script of a shell, to be sourced by it',
  words: [{ name: 'SHELL', choices: shells, about: 'the shell' }],
  flags: {},
  example: 'nanolin completion bash > /etc/bash_completion.d/nanolin',
  async run(request) {
    const script = scripts[request.words.SHELL?.[0] as (typeof shells)[number]];
    return { json: { script }, text: [[script.trimEnd()]] };
  },
};

/**
 * Each script asks `nanolin --complete WORDS...` with the words before the cursor, the unfinished one last. Answers are one
 * a line; an empty answer means files.
 */
const scripts: Record<(typeof shells)[number], string> = {
  bash: `_nanolin() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(nanolin --complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _nanolin nanolin
`,
  zsh: `#compdef nanolin
_nanolin() {
  local -a answers
  answers=("\${(@f)$(nanolin --complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  answers=(\${answers:#})
  if (( \${#answers} )); then compadd -a answers; else _files; fi
}
if [ "$funcstack[1]" = "_nanolin" ]; then _nanolin "$@"; else compdef _nanolin nanolin; fi
`,
  fish: `function __nanolin_complete
  set -l before (commandline -opc) (commandline -ct)
  set -l answers (nanolin --complete $before[2..-1] 2>/dev/null)
  if test (count $answers) -gt 0
    printf '%s\\n' $answers
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c nanolin -f -a '(__nanolin_complete)'
`,
};

/** What may stand at the end of `words`: fixed answers, or names that only the machine knows. Empty for files. */
export function complete(
  words: readonly string[],
  commands: readonly Command[],
): { fixed: readonly string[]; names?: Names } {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const { plain, pending } = walk(before, commands);
  if (pending) return offer(pending);
  const command = commands.find(({ verb }) => verb.every((word, index) => plain[index] === word));
  if (current.startsWith('-')) return { fixed: flagNames(command).filter(flag => !before.includes(flag)) };
  if (!command) return { fixed: nextVerbs(plain, commands) };
  const place = plain.length - command.verb.length;
  const word = command.words[place] ?? (command.words.at(-1)?.many ? command.words.at(-1) : undefined);
  return word ? offer(word) : { fixed: flagNames(command) };
}

/** Splits what stands before the cursor into plain words and, where the last one is a flag that wants a value, that flag. */
function walk(
  before: readonly string[],
  commands: readonly Command[],
): { plain: string[]; pending: Flag | undefined } {
  const flags = Object.assign({}, globals, ...commands.map(command => command.flags)) as Record<string, Flag>;
  const plain: string[] = [];
  let pending: Flag | undefined;
  for (const word of before) {
    if (pending) pending = undefined;
    else if (word.startsWith('-'))
      pending = word.includes('=') ? undefined : valued(flags[word.replace(/^--/, '')]);
    else plain.push(word);
  }
  return { plain, pending };
}

const valued = (flag: Flag | undefined): Flag | undefined => (flag?.value ? flag : undefined);

const offer = ({
  choices,
  names,
}: {
  choices?: readonly string[];
  names?: Names;
}): { fixed: readonly string[]; names?: Names } => ({
  fixed: choices ?? [],
  ...(names && { names }),
});

const flagNames = (command: Command | undefined): string[] =>
  [...Object.keys(command?.flags ?? {}), ...Object.keys(globals), 'help'].map(name => `--${name}`);

function nextVerbs([first]: readonly string[], commands: readonly Command[]): string[] {
  const verbs =
    first === undefined
      ? commands.map(({ verb }) => verb[0])
      : commands.filter(({ verb }) => verb[0] === first).map(({ verb }) => verb[1] ?? '');
  return [...new Set(verbs)];
}

/** The names of that kind, from the machine. */
export async function namesFrom(nanolin: Nanolin, names: Names): Promise<readonly string[]> {
  switch (names) {
    case 'layer':
      return [
        ...new Set((await nanolin.layer.list()).flatMap(({ name, version }) => [name, `${name}=${version}`])),
      ];
    case 'profile':
      return (await nanolin.profile.list()).map(({ name }) => name);
    case 'generation':
      return (await nanolin.history()).map(({ number }) => String(number));
    case 'key':
      return (await nanolin.key.list()).map(({ name }) => name);
    case 'file':
      return [];
  }
}
