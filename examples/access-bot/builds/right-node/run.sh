exec node "$PRODUCT/bot.js"
