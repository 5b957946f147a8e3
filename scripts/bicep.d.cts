/** The CLI's path; undefined if none is available. */
export function findBicep(): string | undefined;

/** Folder with index.json and the type files of the resources (`Type@version`); undefined if there is no .NET SDK. */
export function findTypes(resources: readonly string[]): string | undefined;
