import { localPath } from './session';

describe('where a sign-in leads', () => {
  it.each([
    ['/hoppers/12', '/hoppers/12'],
    ['', '/hoppers'],
    [null, '/hoppers'],
    ['//evil.test', '/hoppers'],
    ['/\\evil.test', '/hoppers'],
    ['https://evil.test', '/hoppers'],
    ['/sign-in?return=%2F', '/hoppers'],
  ])('%s leads to %s', (target, path) => {
    expect(localPath(target)).toBe(path);
  });
});
