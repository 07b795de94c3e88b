"""Tests of the web app in a browser."""
