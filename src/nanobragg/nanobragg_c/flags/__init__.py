"""The C program's command-line flags: conversion to and from a Config."""
