"""The tutorial's `python main.py`: the same as `python app.py`."""

from app import main

if __name__ == "__main__":
    main()
