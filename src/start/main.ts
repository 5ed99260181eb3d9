/** What `npm start` runs. The same file is the reader process and, in the private namespace, the story. */
async function main(role: string | undefined): Promise<void> {
  if (role === '--reader') return (await import('./reader.ts')).readUntilStopped();
  const code =
    role === '--inside'
      ? await (await import('./inside.ts')).inside()
      : await (await import('./outside.ts')).outside();
  process.exit(code);
}

main(process.argv[2]).catch(thrown => {
  console.error(thrown);
  process.exit(70);
});
