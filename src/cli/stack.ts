import { type Command, type Flags, many, one, type Request, value } from './command.ts';
import { switched } from './report.ts';
import { switching, switchOptions } from './switching.ts';

export const place: Flags = {
  above: { value: 'L', names: 'layer', about: 'put them right above layer L; topmost by default' },
  below: { value: 'L', names: 'layer', about: 'put them right below layer L' },
};

export const onePlace = ({ flags }: Request): string | undefined =>
  flags.above && flags.below ? '--above and --below exclude each other' : undefined;

export function placed(request: Request): { above?: string; below?: string } {
  const above = value(request, 'above');
  const below = value(request, 'below');
  return { ...(above && { above }), ...(below && { below }) };
}

export const enable: Command = {
  verb: ['enable'],
  about: 'put layers on the running stack',
  words: [
    {
      name: 'LAYER',
      many: true,
      names: 'layer',
      about: 'name, name=1.2 or name>=1.2; the last one named is topmost',
    },
  ],
  flags: { ...place, ...switching },
  example: 'nanolin enable jq ripgrep --above base-tools',
  check: onePlace,
  async run(request, bench) {
    const nanolin = await bench.open();
    return switched(
      await nanolin.enable(many(request, 'LAYER'), { ...placed(request), ...switchOptions(request) }),
      'enabled',
    );
  },
};

export const disable: Command = {
  verb: ['disable'],
  about: 'take layers off the running stack',
  words: [{ name: 'LAYER', many: true, names: 'layer', about: 'name of a layer of the stack' }],
  flags: switching,
  example: 'nanolin disable ripgrep',
  async run(request, bench) {
    const nanolin = await bench.open();
    return switched(await nanolin.disable(many(request, 'LAYER'), switchOptions(request)), 'disabled');
  },
};

export const swap: Command = {
  verb: ['swap'],
  about: 'put one layer in the place of another',
  words: [
    { name: 'OLD', names: 'layer', about: 'layer of the stack' },
    { name: 'NEW', names: 'layer', about: 'the one that takes its place' },
  ],
  flags: switching,
  example: 'nanolin swap jq=1.6 jq=1.7',
  async run(request, bench) {
    const nanolin = await bench.open();
    return switched(
      await nanolin.swap(one(request, 'OLD'), one(request, 'NEW'), switchOptions(request)),
      'swapped',
    );
  },
};
