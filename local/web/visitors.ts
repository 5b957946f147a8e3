/** Requests that visitors of the sample web app make. Each rejects unless the app answered well. */
export interface Visitors {
  /** The cookie of a new session. */
  login(user: string): Promise<string>;
  visit(cookie: string): Promise<void>;
  /** The version under which the write was acknowledged. */
  write(id: string, profile: object): Promise<string>;
  setProduct(sku: string, product: object): Promise<void>;
  setPrice(sku: string, amount: number): Promise<void>;
  profile(id: string): Promise<void>;
  product(sku: string): Promise<void>;
  prices(skus: readonly string[]): Promise<Readonly<Record<string, unknown>>>;
}

export function visitorsOf(address: string): Visitors {
  const send = async (method: string, path: string, body?: object, cookie?: string): Promise<Response> => {
    const answer = await fetch(`${address}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(cookie ? { cookie } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok && answer.status !== 404) {
      await answer.body?.cancel();
      throw new Error(`${method} ${path.split('?')[0]} was answered ${answer.status}`);
    }
    return answer;
  };
  const read = async (path: string, cookie?: string) =>
    void (await (await send('GET', path, undefined, cookie)).text());

  return {
    async login(user) {
      const answer = await send('POST', '/login', { user });
      await answer.text();
      return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
    },
    visit: (cookie) => read('/me', cookie),
    async write(id, profile) {
      return ((await (await send('PUT', `/profiles/${id}`, profile)).json()) as { version: string }).version;
    },
    async setProduct(sku, product) {
      await send('PUT', `/products/${sku}`, product);
    },
    async setPrice(sku, amount) {
      await send('PUT', `/prices/${sku}`, { amount, currency: 'EUR' });
    },
    profile: (id) => read(`/profiles/${id}`),
    product: (sku) => read(`/products/${sku}`),
    async prices(skus) {
      return (await (await send('GET', `/prices?skus=${skus.join(',')}`)).json()) as Record<string, unknown>;
    },
  };
}
