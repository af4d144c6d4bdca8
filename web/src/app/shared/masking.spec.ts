import { Component, provideZonelessChangeDetection } from '@angular/core';
import { type ComponentFixture, TestBed } from '@angular/core/testing';

import { Preferences } from '../core/preferences';
import { AmountPipe, QuantityPipe } from './amount/amount';
import { ChangeComponent } from './change/change';

@Component({
  imports: [AmountPipe, ChangeComponent, QuantityPipe],
  template: `<b>{{ 1234.5 | amount: 'USDT' }}</b
    ><i>{{ '0.123' | quantity }}</i
    ><cw-change [from]="1000" [to]="1234.5" currency="USDT" />`,
})
class Page {}

describe('masking', () => {
  let fixture: ComponentFixture<Page>;

  beforeEach(async () => {
    localStorage.clear();
    TestBed.configureTestingModule({ providers: [provideZonelessChangeDetection()] });
    fixture = TestBed.createComponent(Page);
    await fixture.whenStable();
  });

  it('is off at first', () => {
    expect(fixture.nativeElement.textContent).toContain('1,234.50');
    expect(fixture.nativeElement.textContent).toContain('0.123');
    expect(fixture.nativeElement.textContent).toContain('▲+23.45 %+234.50');
  });

  it('takes amounts and quantities out of the page and leaves percentages, at once', async () => {
    TestBed.inject(Preferences).toggleMask();
    await fixture.whenStable();
    const html = (fixture.nativeElement as HTMLElement).outerHTML;
    expect(html).not.toMatch(/1,?234|0\.123|234\.50/);
    expect(html).toContain('+23.45 %');
  });

  it('is remembered', async () => {
    TestBed.inject(Preferences).toggleMask();
    TestBed.resetTestingModule();
    expect(TestBed.inject(Preferences).isMasked()).toBe(true);
  });
});
