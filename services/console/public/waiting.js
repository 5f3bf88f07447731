/** The title is still being made: looks again until it plays. */
setTimeout(() => location.reload(), 3000);
