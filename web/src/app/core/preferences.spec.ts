import { TestBed } from '@angular/core/testing';

import { amountOf } from '../domain/amount';
import { type Chosen, Preferences } from './preferences';

const CHOSEN: Chosen = {
  zone: 'Asia/Tokyo',
  stablecoinDecimals: 3,
  otherDecimals: 4,
  masksAmounts: true,
  colours: 'RED_GREEN',
};

describe('preferences', () => {
  beforeEach(() => localStorage.clear());

  it('of the account hold until this device says otherwise, and again once it follows', () => {
    const preferences = TestBed.inject(Preferences);
    expect(preferences.isMasked()).toBe(false);
    preferences.apply(CHOSEN);
    expect(preferences.isMasked()).toBe(true);
    preferences.toggleMask();
    expect(preferences.isMasked()).toBe(false);
    preferences.followMask();
    expect(preferences.isMasked()).toBe(true);
  });

  it('decide the decimals of money and its twins, and of all else', () => {
    const preferences = TestBed.inject(Preferences);
    const shown = (): string[] =>
      ['USDT', 'BTC', 'ETH'].map((code) => amountOf('1.23456789', code, preferences.decimals()));
    expect(shown()).toEqual(['1.23', '1.23456789', '1.234568']);
    preferences.apply(CHOSEN);
    expect(shown()).toEqual(['1.235', '1.2346', '1.2346']);
  });

  it('colour the page', () => {
    const preferences = TestBed.inject(Preferences);
    TestBed.tick();
    expect(document.documentElement.dataset['colours']).toBe('blue-orange');
    preferences.apply(CHOSEN);
    TestBed.tick();
    expect(document.documentElement.dataset['colours']).toBe('red-green');
  });
});
