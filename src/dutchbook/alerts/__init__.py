"""Telegram: what the engine did, told to one chat, and that chat's few commands. Never in trading's way."""
