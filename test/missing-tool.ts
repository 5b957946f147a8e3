/**
 * Stands for a suite whose tool can't be had: skipped with one visible line; with CI=true a failure, so that no build
 * passes without it.
 */
export function missingTool(title: string, reason: string): void {
  if (process.env.CI === 'true') {
    test(title, () => {
      throw new Error(reason);
    });
  } else {
    process.stderr.write(`SKIPPED ${title}: ${reason}\n`);
    test.skip(title, () => undefined);
  }
}
