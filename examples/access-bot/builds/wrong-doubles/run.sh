exec python3 "$PRODUCT/bot.py"
