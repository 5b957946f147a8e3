/** The CLI's path; undefined where none can be had. */
export function findBicep(): string | undefined;

/** Folder with index.json and the type files of the resources (`Type@version`); undefined where there is no .NET SDK. */
export function findTypes(resources: readonly string[]): string | undefined;
