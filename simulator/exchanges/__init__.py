"""Binance and KuCoin as an unmodified ccxt 4.5.90 reads them."""
