"""``python -m simulator``"""

from simulator.main import main
from simulator.settings import from_environment

if __name__ == "__main__":
    main(from_environment())
