package servicedoor

// Silence is how long a connection is listened to that may be dead.
const Silence = silence
