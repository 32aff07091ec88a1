threads 4, 4
port ENV.fetch("PORT", 3000)
