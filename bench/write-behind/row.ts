/** Of about 220 B as JSON. */
export const row = (n: number) => ({ name: `row ${n}`, text: 'x'.repeat(140), n, list: [1, 2, 3] });
