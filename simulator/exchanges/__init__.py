"""Binance and KuCoin as an unmodified ccxt 4.5.90 reads them.

Each exchange has its prefix, ``/binance`` and ``/kucoin``. The settings below are plain JSON for ccxt's constructor
(``ccxt.pro.binance(settings)``; it merges deeply): only the base address differs between machines, http for REST and ws
for sockets. KuCoin's socket address comes from ``bullet-public``. Without ``fetchMarkets.types`` ccxt asks for futures
too; ``fetchCurrencies`` is off because Binance wants a key for it and KuCoin's is not played.

    {
      "binance": {
        "urls": {"api": {"public": "http://127.0.0.1:8090/binance/api/v3",
                         "ws": {"spot": "ws://127.0.0.1:8090/binance/ws"}}},
        "options": {"fetchMarkets": {"types": ["spot"]}},
        "has": {"fetchCurrencies": false}
      },
      "kucoin": {
        "urls": {"api": {"public": "http://127.0.0.1:8090/kucoin"}},
        "options": {"fetchMarkets": {"types": ["spot"]}},
        "has": {"fetchCurrencies": false}
      }
    }

``fetch_status`` and everything that needs a key still lead to the real addresses, which is why nothing here asks them.
"""
