"""CoinMarketCap Pro: listings and price-performance of coins, with its keys, credits, limits and errors."""
