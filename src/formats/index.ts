export { isSha256 } from './digest.ts';
export {
  type Entry,
  type EntryType,
  type Manifest,
  type ManifestHeader,
  maxManifestLine,
} from './manifest.ts';
export { parseManifest } from './manifest-parse.ts';
export { printManifest } from './manifest-print.ts';
export { parseMtree } from './mtree.ts';
export { type ImageName, imageStem, isPackageName, isVersion, parseImageName } from './names.ts';
export { nearest } from './nearest.ts';
export {
  type ProfileLayer,
  type ProfileRecipe,
  type ProfileTarget,
  profileFrom,
  type ScriptEvent,
} from './profile.ts';
export { type LayerQuery, matches, parseQuery, printQuery } from './query.ts';
export type { Directive, Recipe } from './recipe.ts';
export { parseRecipe } from './recipe-parse.ts';
export { formatRecipe, printRecipe } from './recipe-print.ts';
export { maxRecipeBytes, maxRecipeLine, maxRecipeLines } from './recipe-text.ts';
export { compareStamps, formatStamp, parseStamp, stampTooNew } from './stamp.ts';
export { compareVersions, debianVersion } from './version.ts';
