export { coversName } from './covers-name.ts';
export { isSha256 } from './digest.ts';
export {
  type Entry,
  type EntryType,
  type Manifest,
  type ManifestHeader,
  maxManifestBytes,
  maxManifestLine,
} from './manifest.ts';
export { parseManifest } from './manifest-parse.ts';
export { printManifest } from './manifest-print.ts';
export { parseMtree } from './mtree.ts';
export { type ImageName, imageStem, isPackageName, isVersion, parseImageName } from './names.ts';
export { nearest } from './nearest.ts';
export {
  type GetFile,
  type PackageRecipe,
  type Patches,
  type PutFile,
  packageFrom,
  printRelation,
  type Relation,
  type Stage,
} from './package.ts';
export {
  type ProfileLayer,
  type ProfileRecipe,
  type ProfileTarget,
  profileFrom,
} from './profile.ts';
export { type LayerQuery, matches, parseQuery, printQuery } from './query.ts';
export type { Directive, Recipe } from './recipe.ts';
export { parseRecipe } from './recipe-parse.ts';
export { formatRecipe, printRecipe } from './recipe-print.ts';
export type { Script, ScriptEvent } from './recipe-reader.ts';
export { maxRecipeBytes, maxRecipeLine, maxRecipeLines } from './recipe-text.ts';
export {
  fingerprintOf,
  maxSignifyBytes,
  type PublicKey,
  type SealedKey,
  type SecretKey,
  type Signature,
} from './signify.ts';
export { parsePublicKey, parseSecretKey, printPublicKey, printSecretKey } from './signify-keys.ts';
export { makeKeys, unsealKey } from './signify-seal.ts';
export { openEmbedded, parseSignature, signDetached, signEmbedded, verifyText } from './signify-sign.ts';
export { type PackageSums, parseSums, printSums } from './signify-sums.ts';
export type { SourceAddress } from './source-address.ts';
export { compareStamps, formatStamp, parseStamp, stampTooNew } from './stamp.ts';
export { compareVersions, debianVersion } from './version.ts';
