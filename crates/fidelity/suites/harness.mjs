// What the suites of all services share: an expectation is one line of JSON, whatever happens in it.

export function that(truth, detail) {
  if (!truth) throw new Error(typeof detail === 'string' ? detail : JSON.stringify(detail) ?? 'it is not so');
}

export function same(found, wanted, what = 'it') {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what} is ${a}, not ${b}`);
}

// Runs expectations that may take so long each; `told` says what is wrong where the SDK's error does not say it itself.
export function checking(ms, told = () => undefined) {
  return async (operation, name, kind, source, run) => {
    let detail = '';
    let timer;
    try {
      const late = new Promise((_, fail) => {
        timer = setTimeout(() => fail(new Error('no answer in time')), ms);
      });
      await Promise.race([run(), late]);
    } catch (error) {
      detail = String(told(error) ?? error.message ?? error).slice(0, 300) || 'failed';
    }
    clearTimeout(timer);
    const line = { operation, check: name, kind, source, ok: detail === '' };
    if (detail) line.detail = detail;
    console.log(JSON.stringify(line));
  };
}
