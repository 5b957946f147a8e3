/** `1 write`, `20 writes`; `words`, if the plural isn't the word with an s: `3 entries`. */
export const counted = (count: number, word: string, words = `${word}s`): string =>
  `${count} ${count === 1 ? word : words}`;
