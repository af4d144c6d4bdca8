import { provideZonelessChangeDetection } from '@angular/core';
import { TestBed } from '@angular/core/testing';

import { QrComponent } from './qr';

describe('a QR code', () => {
  it('is drawn here, with a quiet border and the three corners that scanners look for', async () => {
    TestBed.configureTestingModule({ providers: [provideZonelessChangeDetection()] });
    const fixture = TestBed.createComponent(QrComponent);
    fixture.componentRef.setInput('text', 'otpauth://totp/Cryptwire:me@example.test?secret=JBSWY3DPEHPK3PXP');
    await vi.waitFor(async () => {
      await fixture.whenStable();
      expect(fixture.nativeElement.querySelector('path')).not.toBeNull();
    });
    const svg = (fixture.nativeElement as HTMLElement).querySelector('svg')!;
    const size = Number(svg.getAttribute('viewBox')!.split(' ')[2]);
    const dark = new Set(
      svg
        .querySelector('path')!
        .getAttribute('d')!
        .match(/M\d+ \d+/g),
    );
    for (const [x, y] of [
      [2, 2],
      [size - 9, 2],
      [2, size - 9],
    ] as const) {
      for (let i = 0; i < 7; i++) expect(dark).toContain(`M${x + i} ${y}`);
      expect(dark).not.toContain(`M${x + 1} ${y + 1}`);
      expect(dark).toContain(`M${x + 3} ${y + 3}`);
    }
    expect([...dark].some((at) => /^M[01] | [01]$/.test(at))).toBe(false);
  });
});
