/** What a secret looks like, whichever setting it was pasted into: an address with a password, a key, a signature, a token. */
const SECRET_FORMS = [
  /@|:\/\/[^/]*:(?!\d+(\/|$))/,
  /password|passwd|pwd=|secret|token|(account|shared|access)[ _-]?key|SharedAccessSignature|sig=/i,
  /(?=[\w+/=-]*\d)(?=[\w+/=-]*[a-z])[\w+/=-]{24,}/i,
];

/** A given value for a message: in quotes, or only its length if it looks like a secret. */
export const shownValue = (value: string): string =>
  SECRET_FORMS.some((form) => form.test(value)) ? maskedValue(value) : JSON.stringify(value);

export const maskedValue = (value: string): string => `a value of ${value.length} characters (masked)`;
