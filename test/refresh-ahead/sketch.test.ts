import { ReadSketch } from '../../src/refresh-ahead/read-sketch';

it('counts the reads of an entry up to what it is asked for', () => {
  const sketch = new ReadSketch(2);
  expect([1, 2, 3, 4].map(() => sketch.add('page:home:1', 1_000))).toEqual([1, 2, 3, 3]);
});

it('counts a new entry of the same key from one', () => {
  const sketch = new ReadSketch(2);
  sketch.add('page:home:1', 1_000);
  expect(sketch.add('page:home:1', 2_000)).toBe(1);
});

it('tells fifty thousand entries apart, nearly all', () => {
  const sketch = new ReadSketch(2);
  const end = 1_800_000_000_000;
  let wrong = 0;
  for (let n = 0; n < 50_000; n++) if (sketch.add(`product:catalog:${n}`, end + n) !== 1) wrong++;
  expect(wrong).toBeLessThan(500);
});

it('goes on counting however many entries there are', () => {
  const sketch = new ReadSketch(2);
  for (let n = 0; n < 150_000; n++) sketch.add(`product:catalog:${n}`, n);
  let wrong = 0;
  for (let n = 0; n < 1_000; n++) if (sketch.add(`product:price:${n}`, n) !== 1) wrong++;
  expect(wrong).toBeLessThan(50);
});
